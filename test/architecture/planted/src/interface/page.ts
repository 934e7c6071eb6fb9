import '../business/tea/tea';
