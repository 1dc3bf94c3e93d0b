"""Words of headers by concept and language: the one table that a new word or a new language is added to.

A language begins with its code, and ends with its line or at `|`. Small letters; accents may be left out in a
header. `_` is any gap between two words of a phrase. Compounds are taken apart by the same words (`name_meaning`), so
that `Kundennr` needs no entry. A word may be in several concepts. `sap` are the names of SAP's fields. Concepts that no
role takes (`LINE`, `BANK`, `PLACE` …) keep a column from being taken for one.
"""

from __future__ import annotations

WORDS = """
CUSTOMER
  en customer customers cust client clients debtor debtors payer payor buyer consumer member subscriber tenant
     ratepayer policyholder insured party partner bill_to billed_to sold_to sell_to account_holder contact_name
     guardian parent patient lessee
  de kunde kunden debitor debitoren rechnungsempfaenger mitglied mitglieds mieter versicherungsnehmer schuldner
     geschaeftspartner teilnehmer abnehmer zahlungspflichtiger auftraggeber patient zahler
  fr client clients debiteur abonne adherent assure souscripteur locataire tiers payeur titulaire redevable
  es cliente clientes deudor abonado socio asegurado tomador titular inquilino contribuyente
  pt cliente clientes devedor assinante segurado sacado titular inquilino utente tomador pagador
  af klient kliente klant debiteur huurder lid verbruiker intekenaar versekerde ouer voog gesin gesins
  nl klant klanten debiteur debiteuren afnemer relatie huurder verzekerde verzekeringnemer abonnee lid huurders
     leden
  sap kunnr kunag
  it cliente clienti debitore debitori assicurato contraente intestatario inquilino utente utenza
  pl klient klienta kontrahent kontrahenta nabywca nabywcy odbiorca platnik dluznik najemca ubezpieczony
  da kunde kunder kundens debitorer lejer medlem forsikringstager | no leietaker forsikringstaker | sv kund kunder
  sv kundens hyresgaest foersaekringstagare gaeldenaer
REF
  en no nr num number numbers id ids identifier ref refs reference code key uid uuid #
  de nummer nr kennung schluessel referenz | fr numero n no num identifiant reference ref code matricule
  es numero num nro n no id identificador referencia codigo cod clave
  pt numero num n no identificador referencia codigo cod | af nommer nr no verwysing verwysingsnommer kode
  nl nummer nr kenmerk referentie code | sap kunnr belnr vbeln kunag
  it numero nr n num codice cod identificativo riferimento rif matricola | pl numer nr kod identyfikator id
  da nummer nr kode id reference | no referanse kode nr nummer | sv nummer nr kod referens id
NUMBER
  any no nr num number numbers # nummer numero n nro nommer
  it numero | pl numer
TRANSACTION
  en transaction txn transactions | de transaktion vorgang | fr operation transaction | es transaccion operacion
  pt transacao operacao | af transaksie
  nl transactie
  it transazione operazione | pl transakcja operacja | da transaktion | no transaksjon | sv transaktion
BILL
  en invoice invoices inv bill bills statement statements tax_invoice trx
  de rechnung rechnungs rechn rg faktura fakturen abrechnung abrechnungs bescheid bescheids
  fr facture factures avis quittance | es factura facturas fact recibo
  pt fatura faturas factura boleto nota_fiscal nf | af faktuur staat rekeningstaat
  nl factuur facturen faktuur nota declaratie | sap vbeln
  it fattura fatture ft bolletta bollette ricevuta | pl faktura faktury faktur rachunku
  da faktura fakturaer regning regninger opkraevning | no regning fakturaer | sv faktura fakturor raekning
DOCUMENT
  en document doc documents voucher folio | de beleg belege belegfeld dokument | fr piece document
  es documento comprobante doc | pt documento doc | af dokument | nl document boekstuk stuk | sap belnr
  it documento doc | pl dokument dokumentu | da bilag dokument | no bilag dokument
  sv verifikat verifikation dokument
NAME
  en name names fullname full_name company_name contact_name organisation organization | de name namen firma
  fr nom raison_sociale denomination | es nombre razon_social | pt nome razao_social | af naam naam_en_van
  nl naam naam_en_van bedrijfsnaam | sap name1
  it nome nominativo ragione_sociale denominazione | pl nazwa imie_i_nazwisko firma
  da navn firmanavn | no navn firmanavn | sv namn foeretagsnamn
FIRSTNAME
  en first_name firstname forename given_name | de vorname | fr prenom | pt primeiro_nome | af voornaam voorname
  nl voornaam
  pl imie | da fornavn | no fornavn | sv foernamn
LASTNAME
  en surname last_name lastname family_name | de nachname familienname | fr nom_de_famille | es apellido apellidos
  pt sobrenome apelido | af van | nl achternaam
  it cognome | pl nazwisko | da efternavn | no etternavn | sv efternamn
EMAIL
  en email emailaddress e_mail mail email_address | de mailadresse email e_mail
  fr courriel email adresse_mail adresse_email | es correo correo_electronico email | pt correio_eletronico email
  af epos e_pos epos_adres e_posadres eposadres | nl mailadres emailadres e_mail | sap smtp_addr
  it posta_elettronica indirizzo_email email | pl e_mail adres_email poczta | no epost e_post epostadresse
  da mailadresse | sv epost e_post epostadress
PHONE
  en phone phones telephone tel mobile cell cellphone cellular msisdn contact_number cell_no mobile_no
  de telefon handy mobil rufnummer tel mobilnummer | fr telephone tel portable mobile
  es telefono movil celular tel | pt telefone telemovel celular tel | af telefoon selfoon sel foon
  nl telefoon mobiel gsm tel | sap telf1
  it telefono cellulare tel | pl telefon tel komorka | da telefon mobil tlf | no telefon mobil tlf
  sv telefon mobil mobiltelefon tfn
ACCOUNT
  en account accounts acct acc a_c acno | de konto konten vertragskonto | fr compte | es cuenta
  pt conta unidade_consumidora | af rekening rek | nl rekening
  it conto | pl konto konta | da konto | no konto | sv konto
CONTRACT
  en policy policies contract contracts lease subscription service_point premise installation
  de vertrag vertrags police policen versicherungsschein | fr contrat police abonnement
  es contrato poliza suministro | pt contrato apolice instalacao | af polis kontrak
  nl polis contract contracten abonnement
  it contratto polizza fornitura | pl umowa umowy polisa polisy | da aftale police | no avtale polise
  sv avtal avtals foersaekringsbrev
IDENTITY
  en identity identification passport id_number id_no sa_id rsa_id sa_identification_number national_id
  de ausweis personalausweis | es dni nif cif nie | pt cpf cnpj nif cpf_cnpj | af id_nommer identiteits identiteit
  nl bsn
  it codice_fiscale partita_iva p_iva piva | pl nip pesel regon | da cpr cvr | no foedselsnummer orgnr
  sv personnummer orgnr organisationsnummer
AMOUNT
  en amount amounts amt value sum | de betrag betraege betr wert umsatz summe | fr montant montants somme valeur
  es importe importes monto valor | pt valor valores montante importancia | af bedrag bedrae waarde
  nl bedrag bedragen waarde | sap wrbtr dmbtr
  it importo importi ammontare valore somma | pl kwota kwoty wartosc suma
  da beloeb sum vaerdi | no beloep belop sum | sv belopp summa vaerde
TOTAL
  en total totals grand_total | de gesamt endbetrag endsumme | fr total totale | es total suma | pt total soma
  af totaal totale | nl totaal totale
  it totale | pl razem lacznie ogolem suma | da total i_alt samlet | no totalt totalsum total
  sv total totalt totalsumma
DUE
  en due payable owing owed pay_by pay_before to_pay last_payment_date
  de faellig faelligkeit faelligkeits faell zahlbar zahlbetrag zu_zahlen zahlbar_bis zahlungsziel
  fr dû due echeance a_payer date_limite limite_de_paiement net_a_payer exigible
  es vencimiento vence a_pagar por_pagar fecha_limite limite_de_pago
  pt vencimento vence a_pagar data_limite limite_pagamento limite_de_pagamento data_limite_pagamento
  pt data_limite_de_pagamento | af betaalbaar verskuldig verval vervaldag betaal_voor
  nl verval vervaldag verschuldigd te_betalen betaalbaar uiterste_betaaldatum betalen_voor | sap netdt
  it scadenza scadenze da_pagare pagare_entro data_limite | pl do_zaplaty termin_platnosci termin_zaplaty
  pl platne_do data_platnosci wymagalnosci | da forfald forfaldsdato forfalder betalingsfrist at_betale betales_senest
  no forfall forfallsdato forfaller betalingsfrist aa_betale | sv foerfallo foerfallodatum foerfaller att_betala
OUTSTANDING
  en outstanding open remaining unpaid pending residual amount_residual
  de offen offene offener offenes offenstehend restbetrag rest
  fr restant reste reste_dû reste_a_payer impaye solde_dû | es pendiente pendientes restante
  pt em_aberto aberto pendente restante em_divida divida valor_em_divida | af uitstaande uitstaand
  nl openstaand openstaande openstaande_bedrag uitstaand restant
  it residuo insoluto inevaso aperto aperta aperte da_incassare in_sospeso
  pl pozostalo nierozliczone nierozliczona nieoplacone otwarte naleznosc naleznosci
  da restbeloeb udestaende rest | no restbeloep utestaende | sv restbelopp utestaende aterstaende
ARREARS
  en arrears arrear overdue | de rueckstand rueckstaende ueberfaellig | fr arrieres retard | es atrasos vencido
  pt atrasado atraso | af agterstallig agterstallige | nl achterstand achterstallig
  it arretrati arretrato scaduto scaduti | pl zaleglosc zaleglosci przeterminowane
  da restance restancer | no restanse | sv foerfallet
BALANCE
  en balance balances bal | de saldo salden kontostand | fr solde soldes | es saldo saldos | pt saldo saldos
  af saldo saldos balans | nl saldo saldi
  it saldo saldi | pl saldo salda | da saldo | no saldo | sv saldo
CHARGE
  en premium premiums instalment installment contribution charge charges fee fees rent subscription_fee levy
  de praemie beitrag beitraege miete gebuehr gebuehren | fr prime cotisation loyer frais redevance
  es prima cuota alquiler tasa | pt premio mensalidade aluguel renda taxa
  af premie premies heffing heffings huur bydrae fooi fooie skoolgeld
  nl premie premies huur heffing contributie kosten
  it premio canone quota rata retta tariffa | pl oplata oplaty skladka skladki czynsz rata abonament
  da praemie husleje gebyr kontingent | no premie husleie gebyr kontingent | sv premie hyra avgift
PAYMENT
  en paid payment payments received receipt receipts pmt settled settlement payout
  de bezahlt gezahlt zahlung zahlungs zahlungen eingang zahlungseingang ausgleich ausgeglichen
  fr paye payee paiement paiements reglement regle reglee encaisse encaissement deja_regle versement
  es pagado pago pagos cobrado cobro abonado_el | pt pago pagamento pagamentos recebido recebimento quitado
  af betaal betaling betalings betaald ontvang | nl betaald betaling betalingen ontvangen voldaan
  it pagato pagata pagamento pagamenti incassato incassi versato versamento
  pl zaplacono zaplata zaplaty platnosc platnosci oplacono oplacone wplata wplaty wplacono
  da betalt betaling betalings betalinger indbetaling indbetalt | no betalt betaling betalings innbetaling innbetalt
  sv betald betalt betalning betalnings inbetalning
TAX
  en tax taxes vat gst hst pst withholding wht | de mwst ust umsatzsteuer mehrwertsteuer steuer steuern
  fr tva taxe taxes | es iva igic irpf impuesto impuestos retencion | pt iva icms imposto impostos iss cip
  af btw belasting | nl btw belasting
  it iva imposta imposte ritenuta | pl vat podatek | da moms | no mva moms | sv moms skatt
NET
  en net subtotal sub_total excl exc excluding exclusive ex untaxed before_tax taxable | de netto zwischensumme
  fr ht net hors_taxe hors_taxes sous_total | es neto base base_imponible subtotal | pt liquido base subtotal
  af netto subtotaal uitgesluit | nl netto subtotaal excl
  it netto imponibile | pl netto | da netto ekskl | no netto eks ekskl | sv netto exkl
GROSS
  en gross incl including inclusive inc with_tax | de brutto inkl | fr ttc brut toutes_taxes | es bruto con_iva
  pt bruto com_iva | af bruto ingesluit | nl bruto incl
  it lordo ivato | pl brutto | da brutto inkl | no brutto inkl | sv brutto inkl
DATE
  en date dt dates on day | de datum am | fr date | es fecha | pt data | af datum dag | nl datum dag
  sap bldat budat netdt zfbdt
  it data | pl data dnia | da dato datoer | no dato | sv datum
ISSUE
  en issue issued issuance invoiced billed billing issued_on | de ausstellung ausstellungs ausgestellt
  fr emission emis emise | es emision emitida emitido expedicion | pt emissao emitida | af uitreiking uitgereik
  nl uitgifte opgemaakt | sap bldat
  it emissione emessa emesso | pl wystawienia wystawiono wystawiona | da udstedt udstedelse udstedelses
  no utstedt utstedelse utstedelses | sv utfaerdad utstaelld
POSTING
  en posting posted booking booked entry gl pstng | de buchung buchungs gebucht
  fr comptable comptabilisation ecriture | es contable contabilizacion asiento | pt lancamento contabilistica
  af inskrywing boek | nl boeking boekings boek | sap budat
  it registrazione contabile | pl ksiegowania ksiegowanie | da bogfoert bogfoering bogfoerings posterings
  no bokfoert bokfoering bokfoerings | sv bokfoerd bokfoering bokfoerings
CREATED
  en created creation create created_at | de erstellt erstellung erstellungs angelegt | fr cree creation
  es creado creacion | pt criado criacao | af geskep | nl aangemaakt aanmaak
  it creazione creato creata | pl utworzenia utworzono | da oprettet oprettelses | no opprettet
  sv skapad upprettad
COLLECTION
  en collection collect debit_order strike | de abbuchung abbuchungs einzug einzugs lastschrift | fr prelevement
  es domiciliacion cargo_en_cuenta | pt debito_direto cobranca | af aftrekking aftrekorder debietorder invordering
  nl incasso afschrijving
DEBIT
  en debit debits dr | de soll lastschriften | fr debit debits | es debe cargo cargos debito | pt debito debitos
  af debiet debiete | nl debet debiteren
  it dare addebito addebiti | pl winien obciazenie | da debet | no debet | sv debet
CREDIT
  en credit credits cr | de haben | fr credit credits | es haber abono abonos credito | pt credito creditos
  af krediet krediete | nl credit creditbedrag
  it avere accredito accrediti | pl uznanie | da kredit | no kredit | sv kredit
SIGN
  en indicator sign d_c dc dr_cr debit_credit | de kennzeichen kz vorzeichen s_h sh soll_haben | fr sens signe d_c
  es signo d_h debe_haber | pt sinal d_c | af teken d_k | nl d_c teken | sap shkzg
  it segno | pl znak | da fortegn | no fortegn | sv tecken
CURRENCY
  en currency ccy curr cur crcy currencies | de waehrung waehrungs waehrg whrg whg wkz bwaehr bwaehrg
  fr devise monnaie | es moneda divisa | pt moeda divisa | af geldeenheid valuta | nl valuta munt muntsoort
  sap waers hwaer
  it valuta divisa | pl waluta waluty | da valuta | no valuta | sv valuta
LOCAL
  en local lcy lc acctd accounted functional reporting base_currency company_currency domestic
  de hauswaehrung hauswaehr hw hwaehr basiswaehrung inland | fr locale | es local | pt local | nl eigen
  sap dmbtr hwaer
DEALING
  en foreign fc document_currency doc_curr original_currency transaction_currency in_doc_curr
  de bwaehr bwaehrg belegwaehrung fremdwaehrung
TYPE
  en type types kind category class group doctype method mode frequency option product plan package
  de art typ kategorie klasse gruppe ar produkt tarif | fr type categorie genre mode produit formule
  es tipo clase categoria metodo forma producto | pt tipo classe categoria metodo forma produto
  af tipe soort klas graad produk | nl soort type categorie wijze product
  it tipo tipologia categoria modalita metodo | pl typ rodzaj forma kategoria | da art kategori
  no type kategori | sv typ kategori
STATUS
  en status state stage flag sent paid_flag void is_paid closed | de zustand stand | fr statut etat situation
  es estado situacion | pt estado situacao | af toestand | nl toestand
  it stato | pl status stan | da status | no status | sv status
OTHER_TIME
  en start end begin from until period month year quarter birth dob baseline discount_date expiry expires expected
     delivery service shipped updated modified last joined joining valid effective inception renewal current
  de beginn ende von bis zeitraum periode monat jahr geburts leistungs leistung liefer lieferung skonto storno
  fr debut fin periode mois annee naissance livraison | es inicio fin desde hasta periodo mes ano nacimiento
  pt inicio fim periodo mes ano nascimento | af begin einde tydperk maand jaar geboorte lopende oorgebring
  nl begin einde periode maand jaar geboorte lopende | sap zfbdt
  it inizio fine periodo mese anno nascita consegna competenza | pl okres miesiac rok sprzedazy urodzenia
  pl dostawy poczatek koniec | da periode maned foedsels leverings | no periode maned foedsels leverings
  sv period manad foedelse leverans
OLD
  en original opening previous prev prior brought_forward b_f forward balance_brought_forward before
  de urspruenglich urspruenglicher anfangs vormonat vortrag alt | fr initial precedent anterieur report
  es inicial anterior original | pt inicial anterior original | af oorspronklike vorige oorgebring aanvangs
  nl oorspronkelijk vorig vorige begin
  it iniziale precedente originale | pl poczatkowe poprzednie | da oprindelig forrige primo
  no opprinnelig forrige | sv ursprunglig foeregaende ingaende
LINE
  en line lines item items position sku article invoice_lines inventory usage event events
  de position pos zeile artikel posten einzelposten | fr ligne article | es linea articulo concepto_linea
  pt linha artigo item | af lyn item reel | nl regel artikel | sap buzei
  it riga righe articolo voce | pl pozycja towar | da linje vare varenr | no linje vare | sv rad artikel
DESCRIPTION
  en description desc details detail memo note notes comment remark narration narrative particulars label
  de bezeichnung beschreibung text buchungstext verwendungszweck bemerkung
  fr libelle designation description commentaire | es descripcion concepto detalle observaciones etiquetas
  pt descricao historico observacoes | af beskrywing besonderhede | nl omschrijving toelichting
  it descrizione causale oggetto | pl opis uwagi tytul | da beskrivelse tekst bemaerkning
  no beskrivelse tekst merknad | sv beskrivning anmaerkning
QUANTITY
  en quantity qty units unit usage consumption kwh kl minutes count volume volumes dependants
  de menge anzahl verbrauch einheit | fr quantite conso consommation nombre | es cantidad consumo unidades
  pt quantidade consumo unidades | af hoeveelheid verbruik aantal | nl aantal hoeveelheid verbruik
  it quantita consumo consumi | pl ilosc zuzycie | da antal forbrug | no antall forbruk
  sv antal foerbrukning
PRICE
  en price unit_price unit_amount rate exchange percent percentage % tariff cost
  de preis einzelpreis kurs satz prozent | fr prix taux cours | es precio cambio porcentaje
  pt preco cambio percentagem | af prys koers persentasie tarief | nl prijs koers tarief percentage
  it prezzo aliquota cambio | pl cena stawka kurs | da pris kurs sats | no pris kurs sats | sv pris kurs
REDUCTION
  en discount deposit penalty subsidy savings limit sum_insured insured_value cover interest refund refunded
     parking adjustment shipping portion allowance rebate write_off
  de rabatt skonto kaution versicherungssumme zinsen erstattung
  fr remise escompte caution interets remboursement | es descuento deposito intereses
  pt desconto deposito juros multa | af afslag deposito rente boete | nl korting waarborg rente boete
  it sconto cauzione interessi rimborso mora | pl rabat odsetki kaucja zwrot | da rabat renter depositum
  no rabatt renter depositum | sv rabatt raenta deposition
TERMS
  en term terms days condition conditions | de zahlungsbedingung zahlungsbedingungen bedingung tage
  fr conditions jours delai | es plazo condiciones dias | pt prazo condicoes dias | af termyn voorwaardes dae
  nl termijn voorwaarden dagen | sap zbd1t
  it termini condizioni giorni | pl warunki dni | da betingelser betalingsbetingelser dage
  no betingelser betalingsbetingelser dager | sv villkor betalningsvillkor dagar
PLACE
  en address street city town zip postal postcode suburb province region country county ward erf unit property
  de adresse strasse plz ort stadt land bundesland | fr adresse rue ville pays region
  es direccion domicilio calle ciudad provincia pais | pt endereco rua cidade pais
  af adres straat stad dorp wyk posadres erf | nl adres straat plaats stad land
  it indirizzo via citta comune provincia cap paese | pl adres ulica miasto miejscowosc kraj kod_pocztowy
  da adresse gade postnr land | no adresse gate postnr poststed land | sv adress gata postnr ort land
BANK
  en bank iban bic swift branch sort_code routing | de blz bankleitzahl kontoinhaber | fr banque rib | es banco
  pt banco agencia | af bank tak | nl bank
  it banca agenzia | pl bank banku | da bank | no bank | sv bank bankgiro plusgiro
OTHER_PARTY
  en vendor supplier agent broker sales rep salesperson seller user company branch operator employee clerk
     company_code entity merchant warehouse dependant learner student_name claim payee beneficiary
     sender collector assignee assigned assigned_to handler cashier technician approver requester username login
     created_by updated_by prepared_by entered_by issued_by account_manager manager
  de lieferant kreditor kreditoren vertreter sachbearbeiter mandant buchungskreis gegenkonto mandt bukrs
  fr fournisseur vendeur agent societe | es proveedor vendedor agente empresa
  pt fornecedor vendedor agente empresa | af verskaffer agent verkoper leerder
  nl leverancier vertegenwoordiger dagboek | sap mandt bukrs gjahr
  it agente venditore azienda | pl sprzedawca | da saelger | no selger | sv saeljare
CONTACT
  en contact recipient | fr destinataire | es contacto destinatario | pt contacto contato | de ansprechpartner
  nl contactpersoon
  it contatto referente destinatario | pl osoba_kontaktowa | da kontakt kontaktperson
  no kontakt kontaktperson | sv kontakt kontaktperson
SUPPLIER
  en vendor vendors supplier suppliers creditor creditors | de lieferant lieferanten kreditor kreditoren
  fr fournisseur fournisseurs | es proveedor proveedores acreedor acreedores | pt fornecedor fornecedores credor
  af verskaffer verskaffers | nl leverancier leveranciers crediteur crediteuren | it fornitore fornitori
  pl dostawca dostawcy | da leverandoer | sap lifnr
  pl dostawca sprzedawca | da leverandoerer kreditor kreditorer | no leverandoer leverandoerer
  sv leverantoer leverantoerer
EXPENSE
  en expense expenses reimbursable reimbursement payout payouts disbursement spent
  de ausgabe ausgaben spesen auszahlung auszahlungen auslagen | fr depense depenses note_de_frais
  es gasto gastos egreso egresos | pt despesa despesas | af uitgawe uitgawes | nl uitgave uitgaven onkosten
  it spesa spese rimborso_spese | pl wydatek wydatki koszt koszty | da udgift udgifter | no utgift utgifter
  sv utgift utgifter
MOVEMENT
  en withdrawal withdrawals inflow outflow money_in money_out paid_in paid_out deposits_credits
     payment_id payment_number payment_no receipt_no receipt_number charge_id card_id captured card_brand chargeback
     settlement_amount settlement_reference settlement_id settlement_date
  de einzahlung einzahlungen zahlungseingaenge abgang zugang buchungstext | fr retrait retraits
  es retiro retiros ingreso ingresos | pt saque saques levantamento | nl af_bij bij_af | af onttrekking onttrekkings
  it prelievo bonifico entrate uscite | pl wplywy wyplata przelew | da haevet indsat | no uttak innskudd
  sv uttag insaettning
COUNTERPARTY
  en counterparty counterparties counterpart payee from_email to_email from_email_address to_email_address
     from_address to_address payer_email
  de beguenstigter beguenstigte empfaenger_zahlungspflichtiger beguenstigter_zahlungspflichtiger
     auftraggeber_empfaenger auftraggeber_beguenstigter empfaenger_auftraggeber
  fr contrepartie | es contraparte | pt contraparte | nl tegenpartij tegenrekening naam_tegenpartij
  it controparte beneficiario ordinante | da modpart | no motpart | sv motpart
VALUE_DATE
  en value_date | de wertstellung wertstellungs wertdatum wertstellungsdatum valutadatum
  fr date_valeur date_de_valeur | es fecha_valor | pt data_valor | nl rentedatum valutadatum | da rentedato
  it data_valuta valuta_data | pl data_waluty | da valoerdato | no rentedato valuteringsdato
  sv valutadatum raentedatum
JOURNAL
  en journal journals | de buchungsstapel buchungsschluessel bu_schluessel buchungsnummer
  fr ecriture ecritures | es diario asiento asientos | pt diario | nl dagboek memoriaal
  it giornale prima_nota | pl dziennik | da kassekladde finansjournal | no journal bilagsjournal | sv journal
LEDGER
  en gl_account g_l_account ledger ledger_account nominal nominal_code nominal_account offset_account
  de sachkonto sachkonten gegenkonto habenkonto sollkonto | fr compte_num compte_general compte_comptable compte_lib
  es cuenta_contable | pt conta_contabil conta_contabilistica | nl grootboek grootboekrekening | sap hkont
  it conto_contabile sottoconto | pl konto_ksiegowe | da finanskonto modkonto | no hovedbok motkonto
  sv huvudbok motkonto
SERIES
  en series prefix | de nummernkreis nummerkreis rechnungskreis belegkreis | fr serie
  es serie punto_vta punto_venta pto_vta | pt serie | nl reeks | af reeks
BRANCH
  en branch company_code store outlet | de filiale niederlassung buchungskreis | fr succursale agence
  es sucursal establecimiento tienda | pt filial loja | nl filiaal vestiging | af tak | sap bukrs
YEAR
  en year fiscal_year | de jahr geschaeftsjahr | fr annee exercice | es ano ejercicio | pt ano exercicio | af jaar
  nl jaar boekjaar | sap gjahr
  it anno esercizio | pl rok | da aar regnskabsaar | no aar regnskapsaar | sv ar raekenskapsar
ORDER
  en order orders po purchase purchaseorder quote delivery_note external your origin assignment tracking job
  de bestellung bestell auftrag auftrags zuordnung ihr ihre lieferschein | fr commande devis bon votre
  es pedido orden albaran su_pedido | pt encomenda pedido ordem | af bestelling bestel
  nl bestelling order uw opdracht | sap xref1
  it ordine ordini commessa ddt | pl zamowienie zamowienia | da ordre bestilling | no ordre bestilling
  sv order bestaellning
REMINDER
  en reminder dunning level row seq sequence line_no counter | de mahn mahnung mahnstufe lfd laufende
  fr relance ligne_no | es aviso_no fila | pt linha_no | af ry aanmaning | nl aanmaning rij
  it sollecito riga_n | pl wezwanie lp | da rykker | no purring | sv paminnelse
NOISE
  en principal main the of in for a an our is utc primary to and s at by | de der die das des in fuer und nach
  fr de du des la le les d l en et | es de del la el los en y | pt do da de dos das o a e | af die vir en van_die
  nl de het van voor en facturatie
  it di del della dei il la lo le per al | pl z na w do od i | da og af til paa | no og av til | sv och av till
"""
"""Concept, and below it by language its words and phrases."""
