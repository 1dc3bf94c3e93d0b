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
REF
  en no nr num number numbers id ids identifier ref refs reference code key uid uuid #
  de nummer nr kennung schluessel referenz | fr numero n no num identifiant reference ref code matricule
  es numero num nro n no id identificador referencia codigo cod clave
  pt numero num n no identificador referencia codigo cod | af nommer nr no verwysing verwysingsnommer kode
  nl nummer nr kenmerk referentie code | sap kunnr belnr vbeln kunag
NUMBER
  any no nr num number numbers # nummer numero n nro nommer
TRANSACTION
  en transaction txn transactions | de transaktion vorgang | fr operation transaction | es transaccion operacion
  pt transacao operacao | af transaksie
  nl transactie
BILL
  en invoice invoices inv bill bills statement statements tax_invoice trx
  de rechnung rechnungs rechn rg faktura fakturen abrechnung abrechnungs bescheid bescheids
  fr facture factures avis quittance | es factura facturas fact recibo
  pt fatura faturas factura boleto nota_fiscal nf | af faktuur staat rekeningstaat
  nl factuur facturen faktuur nota declaratie | sap vbeln
DOCUMENT
  en document doc documents voucher folio | de beleg belege belegfeld dokument | fr piece document
  es documento comprobante doc | pt documento doc | af dokument | nl document boekstuk stuk | sap belnr
NAME
  en name names fullname full_name company_name contact_name organisation organization | de name namen firma
  fr nom raison_sociale denomination | es nombre razon_social | pt nome razao_social | af naam naam_en_van
  nl naam naam_en_van bedrijfsnaam | sap name1
FIRSTNAME
  en first_name firstname forename given_name | de vorname | fr prenom | pt primeiro_nome | af voornaam voorname
  nl voornaam
LASTNAME
  en surname last_name lastname family_name | de nachname familienname | fr nom_de_famille | es apellido apellidos
  pt sobrenome apelido | af van | nl achternaam
EMAIL
  en email emailaddress e_mail mail email_address | de mailadresse email e_mail
  fr courriel email adresse_mail adresse_email | es correo correo_electronico email | pt correio_eletronico email
  af epos e_pos epos_adres e_posadres eposadres | nl mailadres emailadres e_mail | sap smtp_addr
PHONE
  en phone phones telephone tel mobile cell cellphone cellular msisdn contact_number cell_no mobile_no
  de telefon handy mobil rufnummer tel mobilnummer | fr telephone tel portable mobile
  es telefono movil celular tel | pt telefone telemovel celular tel | af telefoon selfoon sel foon
  nl telefoon mobiel gsm tel | sap telf1
ACCOUNT
  en account accounts acct acc a_c acno | de konto konten vertragskonto | fr compte | es cuenta
  pt conta unidade_consumidora | af rekening rek | nl rekening
CONTRACT
  en policy policies contract contracts lease subscription service_point premise installation
  de vertrag vertrags police policen versicherungsschein | fr contrat police abonnement
  es contrato poliza suministro | pt contrato apolice instalacao | af polis kontrak
  nl polis contract contracten abonnement
IDENTITY
  en identity identification passport id_number id_no sa_id rsa_id sa_identification_number national_id
  de ausweis personalausweis | es dni nif cif nie | pt cpf cnpj nif cpf_cnpj | af id_nommer identiteits identiteit
  nl bsn
AMOUNT
  en amount amounts amt value sum | de betrag betraege betr wert umsatz summe | fr montant montants somme valeur
  es importe importes monto valor | pt valor valores montante importancia | af bedrag bedrae waarde
  nl bedrag bedragen waarde | sap wrbtr dmbtr
TOTAL
  en total totals grand_total | de gesamt endbetrag endsumme | fr total totale | es total suma | pt total soma
  af totaal totale | nl totaal totale
DUE
  en due payable owing owed pay_by pay_before to_pay last_payment_date
  de faellig faelligkeit faelligkeits faell zahlbar zahlbetrag zu_zahlen zahlbar_bis zahlungsziel
  fr dû due echeance a_payer date_limite limite_de_paiement net_a_payer exigible
  es vencimiento vence a_pagar por_pagar fecha_limite limite_de_pago
  pt vencimento vence a_pagar data_limite limite_pagamento limite_de_pagamento data_limite_pagamento
  pt data_limite_de_pagamento | af betaalbaar verskuldig verval vervaldag betaal_voor
  nl verval vervaldag verschuldigd te_betalen betaalbaar uiterste_betaaldatum betalen_voor | sap netdt
OUTSTANDING
  en outstanding open remaining unpaid pending residual amount_residual
  de offen offene offener offenes offenstehend restbetrag rest
  fr restant reste reste_dû reste_a_payer impaye solde_dû | es pendiente pendientes restante
  pt em_aberto aberto pendente restante em_divida divida valor_em_divida | af uitstaande uitstaand
  nl openstaand openstaande openstaande_bedrag uitstaand restant
ARREARS
  en arrears arrear overdue | de rueckstand rueckstaende ueberfaellig | fr arrieres retard | es atrasos vencido
  pt atrasado atraso | af agterstallig agterstallige | nl achterstand achterstallig
BALANCE
  en balance balances bal | de saldo salden kontostand | fr solde soldes | es saldo saldos | pt saldo saldos
  af saldo saldos balans | nl saldo saldi
CHARGE
  en premium premiums instalment installment contribution charge charges fee fees rent subscription_fee levy
  de praemie beitrag beitraege miete gebuehr gebuehren | fr prime cotisation loyer frais redevance
  es prima cuota alquiler tasa | pt premio mensalidade aluguel renda taxa
  af premie premies heffing heffings huur bydrae fooi fooie skoolgeld
  nl premie premies huur heffing contributie kosten
PAYMENT
  en paid payment payments received receipt receipts pmt settled settlement payout
  de bezahlt gezahlt zahlung zahlungs zahlungen eingang zahlungseingang ausgleich ausgeglichen
  fr paye payee paiement paiements reglement regle reglee encaisse encaissement deja_regle versement
  es pagado pago pagos cobrado cobro abonado_el | pt pago pagamento pagamentos recebido recebimento quitado
  af betaal betaling betalings betaald ontvang | nl betaald betaling betalingen ontvangen voldaan
TAX
  en tax taxes vat gst hst pst withholding wht | de mwst ust umsatzsteuer mehrwertsteuer steuer steuern
  fr tva taxe taxes | es iva igic irpf impuesto impuestos retencion | pt iva icms imposto impostos iss cip
  af btw belasting | nl btw belasting
NET
  en net subtotal sub_total excl exc excluding exclusive ex untaxed before_tax taxable | de netto zwischensumme
  fr ht net hors_taxe hors_taxes sous_total | es neto base base_imponible subtotal | pt liquido base subtotal
  af netto subtotaal uitgesluit | nl netto subtotaal excl
GROSS
  en gross incl including inclusive inc with_tax | de brutto inkl | fr ttc brut toutes_taxes | es bruto con_iva
  pt bruto com_iva | af bruto ingesluit | nl bruto incl
DATE
  en date dt dates on day | de datum am | fr date | es fecha | pt data | af datum dag | nl datum dag
  sap bldat budat netdt zfbdt
ISSUE
  en issue issued issuance invoiced billed billing issued_on | de ausstellung ausstellungs ausgestellt
  fr emission emis emise | es emision emitida emitido expedicion | pt emissao emitida | af uitreiking uitgereik
  nl uitgifte opgemaakt | sap bldat
POSTING
  en posting posted booking booked entry gl pstng | de buchung buchungs gebucht
  fr comptable comptabilisation ecriture | es contable contabilizacion asiento | pt lancamento contabilistica
  af inskrywing boek | nl boeking boekings boek | sap budat
CREATED
  en created creation create created_at | de erstellt erstellung erstellungs angelegt | fr cree creation
  es creado creacion | pt criado criacao | af geskep | nl aangemaakt aanmaak
COLLECTION
  en collection collect debit_order strike | de abbuchung abbuchungs einzug einzugs lastschrift | fr prelevement
  es domiciliacion cargo_en_cuenta | pt debito_direto cobranca | af aftrekking aftrekorder debietorder invordering
  nl incasso afschrijving
DEBIT
  en debit debits dr | de soll lastschriften | fr debit debits | es debe cargo cargos debito | pt debito debitos
  af debiet debiete | nl debet debiteren
CREDIT
  en credit credits cr | de haben | fr credit credits | es haber abono abonos credito | pt credito creditos
  af krediet krediete | nl credit creditbedrag
SIGN
  en indicator sign d_c dc dr_cr debit_credit | de kennzeichen kz vorzeichen s_h sh soll_haben | fr sens signe d_c
  es signo d_h debe_haber | pt sinal d_c | af teken d_k | nl d_c teken | sap shkzg
CURRENCY
  en currency ccy curr cur crcy currencies | de waehrung waehrungs waehrg whrg whg wkz bwaehr bwaehrg
  fr devise monnaie | es moneda divisa | pt moeda divisa | af geldeenheid valuta | nl valuta munt muntsoort
  sap waers hwaer
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
STATUS
  en status state stage flag sent paid_flag void is_paid closed | de zustand stand | fr statut etat situation
  es estado situacion | pt estado situacao | af toestand | nl toestand
OTHER_TIME
  en start end begin from until period month year quarter birth dob baseline discount_date expiry expires expected
     delivery service shipped updated modified last joined joining valid effective inception renewal current
  de beginn ende von bis zeitraum periode monat jahr geburts leistungs leistung liefer lieferung skonto storno
  fr debut fin periode mois annee naissance livraison | es inicio fin desde hasta periodo mes ano nacimiento
  pt inicio fim periodo mes ano nascimento | af begin einde tydperk maand jaar geboorte lopende oorgebring
  nl begin einde periode maand jaar geboorte lopende | sap zfbdt
OLD
  en original opening previous prev prior brought_forward b_f forward balance_brought_forward before
  de urspruenglich urspruenglicher anfangs vormonat vortrag alt | fr initial precedent anterieur report
  es inicial anterior original | pt inicial anterior original | af oorspronklike vorige oorgebring aanvangs
  nl oorspronkelijk vorig vorige begin
LINE
  en line lines item items position sku article invoice_lines inventory usage event events
  de position pos zeile artikel posten einzelposten | fr ligne article | es linea articulo concepto_linea
  pt linha artigo item | af lyn item reel | nl regel artikel | sap buzei
DESCRIPTION
  en description desc details detail memo note notes comment remark narration narrative particulars label
  de bezeichnung beschreibung text buchungstext verwendungszweck bemerkung
  fr libelle designation description commentaire | es descripcion concepto detalle observaciones etiquetas
  pt descricao historico observacoes | af beskrywing besonderhede | nl omschrijving toelichting
QUANTITY
  en quantity qty units unit usage consumption kwh kl minutes count volume volumes dependants
  de menge anzahl verbrauch einheit | fr quantite conso consommation nombre | es cantidad consumo unidades
  pt quantidade consumo unidades | af hoeveelheid verbruik aantal | nl aantal hoeveelheid verbruik
PRICE
  en price unit_price unit_amount rate exchange percent percentage % tariff cost
  de preis einzelpreis kurs satz prozent | fr prix taux cours | es precio cambio porcentaje
  pt preco cambio percentagem | af prys koers persentasie tarief | nl prijs koers tarief percentage
REDUCTION
  en discount deposit penalty subsidy savings limit sum_insured insured_value cover interest refund refunded
     parking adjustment shipping portion allowance rebate write_off
  de rabatt skonto kaution versicherungssumme zinsen erstattung
  fr remise escompte caution interets remboursement | es descuento deposito intereses
  pt desconto deposito juros multa | af afslag deposito rente boete | nl korting waarborg rente boete
TERMS
  en term terms days condition conditions | de zahlungsbedingung zahlungsbedingungen bedingung tage
  fr conditions jours delai | es plazo condiciones dias | pt prazo condicoes dias | af termyn voorwaardes dae
  nl termijn voorwaarden dagen | sap zbd1t
PLACE
  en address street city town zip postal postcode suburb province region country county ward erf unit property
  de adresse strasse plz ort stadt land bundesland | fr adresse rue ville pays region
  es direccion domicilio calle ciudad provincia pais | pt endereco rua cidade pais
  af adres straat stad dorp wyk posadres erf | nl adres straat plaats stad land
BANK
  en bank iban bic swift branch sort_code routing | de blz bankleitzahl kontoinhaber | fr banque rib | es banco
  pt banco agencia | af bank tak | nl bank
OTHER_PARTY
  en vendor supplier agent broker sales rep salesperson seller user company branch operator employee clerk
     company_code entity merchant warehouse dependant learner student_name claim payee beneficiary
     sender collector assignee assigned assigned_to handler cashier technician approver requester username login
     created_by updated_by prepared_by entered_by issued_by account_manager manager
  de lieferant kreditor kreditoren vertreter sachbearbeiter mandant buchungskreis gegenkonto mandt bukrs
  fr fournisseur vendeur agent societe | es proveedor vendedor agente empresa
  pt fornecedor vendedor agente empresa | af verskaffer agent verkoper leerder
  nl leverancier vertegenwoordiger dagboek | sap mandt bukrs gjahr
CONTACT
  en contact recipient | fr destinataire | es contacto destinatario | pt contacto contato | de ansprechpartner
  nl contactpersoon
SUPPLIER
  en vendor vendors supplier suppliers creditor creditors | de lieferant lieferanten kreditor kreditoren
  fr fournisseur fournisseurs | es proveedor proveedores acreedor acreedores | pt fornecedor fornecedores credor
  af verskaffer verskaffers | nl leverancier leveranciers crediteur crediteuren | it fornitore fornitori
  pl dostawca dostawcy | da leverandoer | sap lifnr
EXPENSE
  en expense expenses reimbursable reimbursement payout payouts disbursement spent
  de ausgabe ausgaben spesen auszahlung auszahlungen auslagen | fr depense depenses note_de_frais
  es gasto gastos egreso egresos | pt despesa despesas | af uitgawe uitgawes | nl uitgave uitgaven onkosten
MOVEMENT
  en withdrawal withdrawals inflow outflow money_in money_out paid_in paid_out deposits_credits
     payment_id payment_number payment_no receipt_no receipt_number charge_id card_id captured card_brand chargeback
     settlement_amount settlement_reference settlement_id settlement_date
  de einzahlung einzahlungen zahlungseingaenge abgang zugang buchungstext | fr retrait retraits
  es retiro retiros ingreso ingresos | pt saque saques levantamento | nl af_bij bij_af | af onttrekking onttrekkings
COUNTERPARTY
  en counterparty counterparties counterpart payee from_email to_email from_email_address to_email_address
     from_address to_address payer_email
  de beguenstigter beguenstigte empfaenger_zahlungspflichtiger beguenstigter_zahlungspflichtiger
     auftraggeber_empfaenger auftraggeber_beguenstigter empfaenger_auftraggeber
  fr contrepartie | es contraparte | pt contraparte | nl tegenpartij tegenrekening naam_tegenpartij
VALUE_DATE
  en value_date | de wertstellung wertstellungs wertdatum wertstellungsdatum valutadatum
  fr date_valeur date_de_valeur | es fecha_valor | pt data_valor | nl rentedatum valutadatum | da rentedato
JOURNAL
  en journal journals | de buchungsstapel buchungsschluessel bu_schluessel buchungsnummer
  fr ecriture ecritures | es diario asiento asientos | pt diario | nl dagboek memoriaal
LEDGER
  en gl_account g_l_account ledger ledger_account nominal nominal_code nominal_account offset_account
  de sachkonto sachkonten gegenkonto habenkonto sollkonto | fr compte_num compte_general compte_comptable compte_lib
  es cuenta_contable | pt conta_contabil conta_contabilistica | nl grootboek grootboekrekening | sap hkont
SERIES
  en series prefix | de nummernkreis nummerkreis rechnungskreis belegkreis | fr serie
  es serie punto_vta punto_venta pto_vta | pt serie | nl reeks | af reeks
BRANCH
  en branch company_code store outlet | de filiale niederlassung buchungskreis | fr succursale agence
  es sucursal establecimiento tienda | pt filial loja | nl filiaal vestiging | af tak | sap bukrs
YEAR
  en year fiscal_year | de jahr geschaeftsjahr | fr annee exercice | es ano ejercicio | pt ano exercicio | af jaar
  nl jaar boekjaar | sap gjahr
ORDER
  en order orders po purchase purchaseorder quote delivery_note external your origin assignment tracking job
  de bestellung bestell auftrag auftrags zuordnung ihr ihre lieferschein | fr commande devis bon votre
  es pedido orden albaran su_pedido | pt encomenda pedido ordem | af bestelling bestel
  nl bestelling order uw opdracht | sap xref1
REMINDER
  en reminder dunning level row seq sequence line_no counter | de mahn mahnung mahnstufe lfd laufende
  fr relance ligne_no | es aviso_no fila | pt linha_no | af ry aanmaning | nl aanmaning rij
NOISE
  en principal main the of in for a an our is utc primary to and s at by | de der die das des in fuer und nach
  fr de du des la le les d l en et | es de del la el los en y | pt do da de dos das o a e | af die vir en van_die
  nl de het van voor en facturatie
"""
"""Concept, and below it by language its words and phrases."""
